import solid from 'vite-plugin-solid'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [solid()],
  // Vite prepares this entry when it starts. If it found it later, it would load the first page of a session twice.
  optimizeDeps: { include: ['tidemark/worker'] },
  // The tests need no page.
  test: { environment: 'node' },
})
