import type { PluginOption } from 'vite'

/** The largest file, in bytes, that is kept for offline use. The map of the states (640 kB) is kept, the flights (13 MB) are not. */
const LARGEST = 2_000_000

/**
 * A service worker that keeps every file of one build, so that the site works offline after the first visit. It fetches a new build beside the
 * old one, and waits until the visitor accepts the new build. So a page never gets files of two builds.
 */
export async function offline(): Promise<PluginOption> {
  const { VitePWA } = await import('vite-plugin-pwa')
  return VitePWA({
    registerType: 'prompt',
    // site/client/offline.ts registers it, after the page has loaded.
    injectRegister: false,
    manifest: false,
    workbox: {
      globPatterns: ['**/*.{html,js,css,svg,png,json,csv}'],
      maximumFileSizeToCacheInBytes: LARGEST,
      inlineWorkboxRuntime: true,
      cleanupOutdatedCaches: true,
      // The first visit works offline at once, without a reload.
      clientsClaim: true,
      // For a page that does not exist, the server's answer is shown.
      navigateFallback: null,
      sourcemap: false,
    },
  })
}
