/** One message on the wire: `header` is JSON written by a process, `body` is text that may come from a guest. */
export type Frame = { header: string; body: string };

const prefixBytes = 8;

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
 * The bytes may change afterwards. It throws a RangeError when a frame claims more than `maxBytes`: the other side is then not to be trusted.
 */
export function createFrameReader(maxBytes: number, onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = prefixBytes;

  return (chunk) => {
    held += chunk.length;
    if (held < wanted) {
      chunks.push(Buffer.from(chunk));
      return;
    }
    chunks.push(chunk);
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, held);
    wanted = prefixBytes;
    while (bytes.length >= prefixBytes) {
      const headerEnd = prefixBytes + bytes.readUInt32BE(0);
      const end = headerEnd + bytes.readUInt32BE(4);
      if (end > maxBytes) throw new RangeError(`a frame of ${end} bytes is over the limit of ${maxBytes}`);
      if (bytes.length < end) {
        wanted = end;
        break;
      }
      const frame = {
        header: bytes.toString("utf8", prefixBytes, headerEnd),
        body: bytes.toString("utf8", headerEnd, end),
      };
      bytes = bytes.subarray(end);
      onFrame(frame);
    }
    chunks = bytes.length > 0 ? [Buffer.from(bytes)] : [];
    held = bytes.length;
  };
}
