import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [svelte()],
  // Vite prepares this entry when it starts. If it found it later, it would load the first page of a session twice.
  optimizeDeps: { include: ['tidemark/worker'] },
})
