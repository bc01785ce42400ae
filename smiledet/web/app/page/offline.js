// The service worker, which keeps the page's files for offline use, and word of a new version.

import { useEffect, useState } from "./vendor/preact-htm.js";

// null, or what changes to a version that has been fetched.
export function useNewVersion() {
  const [fetched, setFetched] = useState(null);
  const { serviceWorker } = navigator; // there is none on http:// beyond localhost
  useEffect(() => {
    const watch = (registration) => {
      const look = () => setFetched((serviceWorker.controller && registration.waiting) || null);
      const follow = (worker) => worker?.addEventListener("statechange", look); // another tab may change to it
      look();
      follow(registration.waiting);
      follow(registration.installing);
      registration.addEventListener("updatefound", () => follow(registration.installing));
    };
    serviceWorker?.register("sw.js").then(watch, () => {}); // without it the page works, but not offline
  }, []);
  return fetched && (() => {
    serviceWorker.addEventListener("controllerchange", () => location.reload());
    fetched.postMessage("take over");
  });
}
