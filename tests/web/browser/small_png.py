"""Pictures of pages as small PNGs: at most 256 colours, found by the browser itself, and written with nothing but zlib."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import Page

# The 256 most frequent colours (in steps of 4), and for each pixel the nearest of them. What is coloured counts for more than
# grey: a button's word has few pixels, and must not come out grey.
REDUCE = """async png => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  const at = i => ((data[4 * i] >> 2) << 12) | ((data[4 * i + 1] >> 2) << 6) | (data[4 * i + 2] >> 2);
  const often = new Map();
  for (let i = 0; i < width * height; i++) often.set(at(i), (often.get(at(i)) ?? 0) + 1);
  const parts = colour => [colour >> 12, (colour >> 6) & 63, colour & 63];
  const weight = ([colour, times]) => times * (1 + Math.max(...parts(colour)) - Math.min(...parts(colour)));
  const palette = [...often].sort((a, b) => weight(b) - weight(a)).slice(0, 256).map(([colour]) => colour);
  const known = new Map();
  const nearest = colour => {
    const [r, g, b] = parts(colour);
    let best = 0, least = Infinity;
    palette.forEach((other, n) => {
      const [x, y, z] = parts(other), far = (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
      if (far < least) [best, least] = [n, far];
    });
    return best;
  };
  let pixels = "";
  for (let i = 0; i < width * height; i++) {
    const colour = at(i);
    if (!known.has(colour)) known.set(colour, nearest(colour));
    pixels += String.fromCharCode(known.get(colour));
  }
  return { width, height, pixels: btoa(pixels), palette: palette.map(parts) };
}"""


def small(page: Page, png: bytes) -> bytes:
    """The picture again in fewer bytes; `page` is any page of the browser that may run scripts."""
    found = page.evaluate(REDUCE, base64.b64encode(png).decode())
    width, height = found["width"], found["height"]
    pixels = base64.b64decode(found["pixels"])
    lines = b"".join(b"\0" + pixels[at : at + width] for at in range(0, width * height, width))
    palette = bytes(min(255, part * 4 + part // 16) for colour in found["palette"] for part in colour)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data)
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),  # 8 bits a pixel, each a place in the palette
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
