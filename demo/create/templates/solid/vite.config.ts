import solid from 'vite-plugin-solid'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [solid()],
  // Found at once, so that the first page of a session is not loaded twice.
  optimizeDeps: { include: ['tidemark/worker'] },
  // The tests need no page.
  test: { environment: 'node' },
})
