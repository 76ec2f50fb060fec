import type { PluginOption } from 'vite'

/** Bytes of the largest file that is kept for offline use: the map of the states has 640 kB, the flights have 13 MB and are left out. */
const LARGEST = 2_000_000

/**
 * A service worker that keeps every file of one build, so the site works offline after the first visit. A new build is fetched
 * whole beside the old one and waits until the visitor takes it: a page never gets files of two builds.
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
      // The first visit is offline at once, without a reload.
      clientsClaim: true,
      // A page that does not exist is the server's to answer.
      navigateFallback: null,
      sourcemap: false,
    },
  })
}
