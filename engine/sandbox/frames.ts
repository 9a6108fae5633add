/** One message on the wire: `header` is JSON written by a process, `body` is text that may come from a guest. */
export type Frame = { header: string; body: string };

const prefixBytes = 8;
const nothing = Buffer.alloc(0);

/** Encodes `[u32 header bytes][u32 body bytes][header][body]`, big-endian lengths, UTF-8 text. */
export function encodeFrame(header: string, body: string): Buffer {
  const headerBytes = Buffer.byteLength(header);
  const bodyBytes = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(prefixBytes + headerBytes + bodyBytes);
  frame.writeUInt32BE(headerBytes, 0);
  frame.writeUInt32BE(bodyBytes, 4);
  frame.write(header, prefixBytes);
  frame.write(body, prefixBytes + headerBytes);
  return frame;
}

/**
 * Returns a function that takes the bytes as they come and calls `onFrame` for each whole frame.
 * The bytes may change afterwards. It throws a RangeError when a frame claims more than `maxBytes`: the other side is then not to
 * be trusted.
 */
export function createFrameReader(maxBytes: number, onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  // the beginning of a frame whose end has not come: grown by doubling, however small the pieces are
  let start: Buffer = nothing;
  let held = 0;

  return (chunk) => {
    let bytes = chunk;
    if (held > 0) {
      start = grown(start, held, held + chunk.length);
      chunk.copy(start, held);
      bytes = start.subarray(0, held + chunk.length);
    }
    let at = 0;
    for (let end = endOf(bytes, at, maxBytes); end <= bytes.length; end = endOf(bytes, at, maxBytes)) {
      const bodyAt = at + prefixBytes + bytes.readUInt32BE(at);
      const frame = {
        header: bytes.toString("utf8", at + prefixBytes, bodyAt),
        body: bytes.toString("utf8", bodyAt, end),
      };
      at = end;
      onFrame(frame);
    }
    held = bytes.length - at;
    // what is kept already stays where it is
    if (held === 0) start = nothing;
    else if (at > 0 || bytes === chunk) start = Buffer.from(bytes.subarray(at));
  };
}

/** Where the frame that begins at `at` ends; nowhere yet when not even its lengths are there. */
function endOf(bytes: Buffer, at: number, maxBytes: number): number {
  if (bytes.length - at < prefixBytes) return Number.POSITIVE_INFINITY;
  const length = prefixBytes + bytes.readUInt32BE(at) + bytes.readUInt32BE(at + 4);
  if (length > maxBytes) throw new RangeError(`a frame of ${length} bytes is over the limit of ${maxBytes}`);
  return at + length;
}

function grown(buffer: Buffer, held: number, wanted: number): Buffer {
  if (buffer.length >= wanted) return buffer;
  const larger = Buffer.alloc(Math.max(wanted, 2 * buffer.length));
  buffer.copy(larger, 0, 0, held);
  return larger;
}
