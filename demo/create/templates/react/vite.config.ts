import { defineConfig } from 'vite'

export default defineConfig({
  // Found at once, so that the first page of a session is not loaded twice.
  optimizeDeps: { include: ['tidemark/worker'] },
})
