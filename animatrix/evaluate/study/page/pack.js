// A clip as the server packs it: "AMFP1\0", count, byte length of each picture (uint32, little endian), PNGs.

const MAGIC = "AMFP1\0";
const STALL_MS = 15_000; // without a byte: the fetch is given up, and begun again by who asked for it

/**
 * Fetch and decode a pack; pictures are handed on as soon as their bytes are there.
 * @param {string} url
 * @param {{signal?: AbortSignal, onFrame?: (index: number, frame: ImageBitmap) => void}} options
 * @returns {Promise<ImageBitmap[]>} decoded frames, exactly the pixels of the PNGs
 */
export async function loadPack(url, { signal, onFrame = () => {} } = {}) {
  const going = new AbortController();
  signal?.addEventListener("abort", () => going.abort(signal.reason), { once: true });
  const heard = () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => going.abort(new Error("frames: stalled")), STALL_MS);
  };
  let stalled = 0;
  heard();
  try {
    return await take(await fetch(url, { signal: going.signal, credentials: "same-origin" }), heard, onFrame);
  } finally {
    clearTimeout(stalled);
  }
}

async function take(reply, heard, onFrame) {
  if (!reply.ok) throw Object.assign(new Error(`frames: ${reply.status}`), { status: reply.status });
  const reader = reply.body.getReader();
  let held = new Uint8Array(1 << 18);
  let size = 0;
  let lengths = null;
  let next = 0; // where the next picture begins
  const decoding = [];
  for (;;) {
    const { done, value } = await reader.read();
    heard();
    if (value) {
      if (size + value.length > held.length) {
        const wider = new Uint8Array(Math.max(held.length * 2, size + value.length));
        wider.set(held.subarray(0, size));
        held = wider;
      }
      held.set(value, size);
      size += value.length;
    }
    if (!lengths) {
      lengths = readLengths(held.subarray(0, size));
      if (lengths) next = MAGIC.length + 4 + 4 * lengths.length;
    }
    while (lengths && decoding.length < lengths.length && next + lengths[decoding.length] <= size) {
      const index = decoding.length;
      const end = next + lengths[index];
      decoding.push(decode(held.slice(next, end)).then((frame) => (onFrame(index, frame), frame)));
      next = end;
      if (index === 0) await decoding[0]; // alone: the rater sees it before the others take the processor
    }
    if (done) break;
  }
  if (!lengths || decoding.length < lengths.length) throw new Error("frames: cut short");
  return Promise.all(decoding);
}

function readLengths(bytes) {
  const head = MAGIC.length + 4;
  if (bytes.length < head) return null;
  if (String.fromCharCode(...bytes.subarray(0, MAGIC.length)) !== MAGIC) throw new Error("frames: not a pack");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(MAGIC.length, true);
  if (bytes.length < head + 4 * count) return null;
  return Array.from({ length: count }, (_, i) => view.getUint32(head + 4 * i, true));
}

// Neither colour management nor premultiplied alpha may touch a pixel.
const decode = (bytes) =>
  createImageBitmap(new Blob([bytes], { type: "image/png" }), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
