// Uploads one file with tus-js-client and prints its address: node upload.mjs URL FILE
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [endpoint, path] = process.argv.slice(2);
const tus = createRequire(`${process.cwd()}/`)("tus-js-client"); // from the folder that this runs in

const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  retryDelays: [0, 500, 1000, 2000, 4000],
  metadata: { filename: "numbers.csv", filetype: "text/csv" },
  onError(error) {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess() {
    console.log(upload.url);
  },
});
upload.start();
