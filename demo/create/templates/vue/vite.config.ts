import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  // Found at once, so that the first page of a session is not loaded twice.
  optimizeDeps: { include: ['tidemark/worker'] },
})
