import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  // Vite prepares this entry when it starts. If it found it later, it would load the first page of a session twice.
  optimizeDeps: { include: ['tidemark/worker'] },
})
