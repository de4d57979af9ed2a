// Keep what is live on the page fresh: fetch the same page and swap that one element, unless somebody is busy in it.
"use strict";
const every = 2000; // milliseconds

async function refresh() {
  const old = document.querySelector("[data-live]");
  const busy = document.hidden || old.contains(document.activeElement) || old.querySelector("details[open]");
  if (!busy) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      // Whoever began to type or to press a button while we waited is not disturbed.
      if (answer.ok && fresh && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
    } catch (error) {
      console.info("The server does not answer; asked again soon.", error);
    }
  }
  setTimeout(refresh, every);
}

setTimeout(refresh, every);
