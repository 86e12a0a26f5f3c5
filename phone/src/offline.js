// The service worker: keeps the app's own files, and answers from them with or without a network. It keeps no picture.

const FILES = ["./", "index.html", "style.css", "app.js", "engine.bin", "icon.svg", "manifest.webmanifest", "licences.txt",
  "models.json", "mobilenet_v3_small.onnx", "islam_cnn.onnx"];
const NAME = "leukolens-phone";

async function keepAll() {
  const [place, told] = [await caches.open(NAME), await fetch("models.json", { cache: "no-store" })];
  const build = (await told.clone().json()).build;
  const kept = await place.match("models.json");
  if (kept && (await kept.clone().json()).build === build) return;
  await place.addAll(FILES.slice(1).filter((file) => file !== "models.json").map((file) => new Request(file, { cache: "reload" })));
  await place.put("./", (await place.match("index.html")).clone());
  await place.put("models.json", told); // last: it says that the rest is whole
}

const tell = async (message) => {
  for (const page of await self.clients.matchAll({ includeUncontrolled: true })) page.postMessage(message);
};

self.addEventListener("install", (event) => {
  event.waitUntil(
    keepAll().then(() => self.skipWaiting(), async (error) => {
      await tell({ full: error.name === "QuotaExceededError" });
      throw error;
    }),
  );
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "renew") event.waitUntil(keepAll().catch(() => undefined)); // without a network the old one stays
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(
    caches.open(NAME).then(async (place) => (await place.match(request, { ignoreSearch: true })) ?? fetch(request)),
  );
});
