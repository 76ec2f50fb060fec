import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [svelte()],
  // Found at once, so that the first page of a session is not loaded twice.
  optimizeDeps: { include: ['tidemark/worker'] },
})
