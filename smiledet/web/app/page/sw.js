// Keeps the page's files, so that it works without a server. A new version is fetched beside the one that is in use, and
// takes its place when no page uses that any more, or when the page asks: no page sees files of two versions.

const NAME = `smiledet ${self.registration.scope} `; // another build may lie on the same server

self.addEventListener("install", (event) => {
  const files = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(NAME + VERSION).then((cache) => cache.addAll(files)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith(NAME) && name !== NAME + VERSION) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("message", ({ data }) => { if (data === "take over") self.skipWaiting(); });

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== self.location.origin) return;
  event.respondWith((async () => {
    const kept = await caches.open(NAME + VERSION);
    return (await kept.match(event.request, { ignoreSearch: true })) || fetch(event.request);
  })());
});
