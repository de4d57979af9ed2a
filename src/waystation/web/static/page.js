// What the pages need beyond htmx: the live stream, the dialog that asks first, and times in the reader's own zone.
"use strict";

// -- times: the server writes UTC; the reader sees their own zone, and UTC in the title
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }); // in a list
const older = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const today = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
function inList(date) {
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return today;
  return date.getFullYear() === now.getFullYear() ? short : older;
}
function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = (time.closest(".row") ? inList(date) : clock).format(date);
  }
}

// -- swaps: what is open stays open, and nothing is put where no place for it is
htmx.registerExtension("waystation", {
  htmx_before_morph_attr: (element, detail) => !(detail.attrName === "open" && element.matches("details, dialog")),
  htmx_config_request: (element, { ctx }) => {
    if (ctx.request.method !== "GET") return;
    for (const [name, value] of [...ctx.request.body]) if (value === "") ctx.request.body.delete(name);
  },
  htmx_before_swap: (element, { tasks }) => {
    for (const task of tasks) localise(task.fragment);
  },
});

const dialog = document.getElementById("ask");
const said = document.getElementById("said");
document.addEventListener("htmx:after:swap", () => {
  if (dialog.querySelector("#asked") && !dialog.open) dialog.showModal();
  raise();
  listen();
});
dialog.addEventListener("close", () => {
  dialog.firstElementChild.replaceChildren();
  raise();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("dialog [data-close]") || event.target === dialog) {
    event.preventDefault();
    dialog.close();
  }
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const status = ctx.response?.status;
  if (ctx.request.method === "POST" && dialog.contains(ctx.sourceElement) && (status < 400 || status === 409)) {
    dialog.close();
    for (const pick of document.querySelectorAll(".pick:checked")) pick.checked = false;
  }
});

// -- what was said goes after a while; a problem stays until the next word
let silence;
function raise() {
  const place = dialog.open ? dialog : document.body; // an open dialog hides what is not in it
  if (said.parentElement !== place) place.append(said);
}
new MutationObserver(() => {
  clearTimeout(silence);
  if (said.querySelector(".toast:not(.bad)")) silence = setTimeout(() => said.replaceChildren(), 6000);
}).observe(said, { childList: true, subtree: true });
function say(text) {
  const toast = document.createElement("p");
  toast.className = "toast bad";
  toast.textContent = text;
  said.replaceChildren(toast);
  raise();
}
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx) say("The server does not answer. Nothing was changed; try again in a moment.");
});

// -- what is being mended is no longer said to be wrong
document.addEventListener("input", ({ target }) => {
  if (!target.matches("[aria-invalid]")) return;
  target.removeAttribute("aria-invalid");
  target.closest("label")?.querySelector(".wrong")?.remove();
});

// -- the live stream: each message carries the pieces that changed, rendered by the server
const link = document.getElementById("link");
let stream, address, polling, asked;

function listen() {
  const place = document.querySelector("[data-live]");
  const wanted = document.hidden ? undefined : place?.dataset.live;
  if (wanted === address) return;
  stream?.close();
  clearInterval(polling);
  address = wanted;
  link.textContent = "";
  if (!wanted) return;
  stream = new EventSource(wanted);
  stream.addEventListener("open", () => (link.textContent = "· live"));
  stream.addEventListener("error", () => {
    link.textContent = "· not live: what you see may be old";
    if (stream.readyState === EventSource.CLOSED) polling ??= setInterval(refresh, 5000); // refused: too many streams
  });
  stream.addEventListener("parts", (event) => {
    htmx.swap({ text: event.data, swap: "none", sourceElement: document.body, target: document.body });
  });
  stream.addEventListener("fits", (event) => {
    if (event.data.split(" ").every((id) => document.getElementById(`row-${id}`))) return;
    const list = document.getElementById("list");
    const busy = dialog.open || list.matches(":hover") || list.contains(document.activeElement) || list.querySelector(".pick:checked");
    if (busy || scrollY > 200) document.getElementById("news").hidden = false;
    else asked ??= setTimeout(refresh, 500);
  });
}

function refresh() {
  asked = undefined;
  const place = document.querySelector("[data-live]");
  if (place?.id) htmx.ajax("GET", location.href, { target: `#${place.id}`, select: `#${place.id}`, swap: "outerMorph" });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return; // the stream goes on for a while; a page that comes back looks anew
  refresh();
  listen();
});
localise(document);
listen();
