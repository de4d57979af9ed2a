// Send a file in a way that survives a broken connection and a closed laptop: tus, which goes on where it was.
"use strict";
(() => {
  const form = document.getElementById("upload");
  const file = document.getElementById("file");
  const sending = document.getElementById("sending");
  const bar = sending.querySelector("progress");
  const words = sending.querySelector("[role=status]");
  const hold = document.getElementById("hold");
  const size = new Intl.NumberFormat(undefined, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
  document.getElementById("hint").hidden = false;
  let upload;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    let began, first;
    upload = new tus.Upload(chosen, {
      endpoint: form.dataset.endpoint ?? "/uploads",
      metadata: { filename: chosen.name },
      retryDelays: [0, 500, 1000, 2000, 4000, 8000, 15000, 30000],
      removeFingerprintOnSuccess: true,
      onProgress(sent, total) {
        bar.value = total ? sent / total : 1;
        began ??= performance.now();
        first ??= sent;
        const left = ((total - sent) * (performance.now() - began)) / 1000 / (sent - first);
        words.textContent = `${size.format(sent / 1e6)} of ${size.format(total / 1e6)}${left > 1 && left < 1e6 ? `, ${Math.ceil(left)} s left` : ""}`;
      },
      onShouldRetry: (error) => ![403, 413, 422, 507].includes(error.originalResponse?.getStatus()),
      onError(error) {
        let problem;
        try {
          problem = JSON.parse(error.originalResponse?.getBody());
        } catch {}
        words.textContent = problem ? `${problem.detail} ${problem.remedy}` : "The connection is broken. Press Go on: nothing that was sent is lost.";
        hold.textContent = "Go on";
      },
      onSuccess() {
        const dataset = new FormData(form).get("dataset");
        location.assign(`${new URL(upload.url, location.href).pathname}/preview${dataset ? `?dataset=${encodeURIComponent(dataset)}` : ""}`);
      },
    });
    const [earlier] = await upload.findPreviousUploads();
    if (earlier) upload.resumeFromPreviousUpload(earlier);
    sending.hidden = false;
    hold.textContent = "Pause";
    upload.start();
  });
  hold.addEventListener("click", () => {
    if (hold.textContent === "Pause") {
      upload.abort();
      hold.textContent = "Go on";
    } else {
      hold.textContent = "Pause";
      upload.start();
    }
  });

  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    form.requestSubmit();
  });
})();
