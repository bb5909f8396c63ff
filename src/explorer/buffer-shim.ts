/** What the engine uses of Node's `Buffer`, for a browser: the bundler puts it where that is named. */
class Bytes extends Uint8Array {
  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((byte, index) => byte === other[index])
  }
}

function decoded(text: string, encoding: string): Uint8Array {
  if (encoding === 'hex') return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
  if (encoding !== 'base64') return new TextEncoder().encode(text)
  // As Node: either alphabet, and what is in neither is passed over.
  const plain = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/=.*$/s, '')
    .replace(/[^A-Za-z0-9+/]/g, '')
  const whole = plain.length % 4 === 1 ? plain.slice(0, -1) : plain
  return Uint8Array.from(atob(whole), (char) => char.charCodeAt(0))
}

export const Buffer = {
  from: (text: string, encoding = 'utf8'): Bytes => new Bytes(decoded(text, encoding)),
  concat: (parts: readonly Uint8Array[]): Bytes => new Bytes(parts.flatMap((part) => [...part])),
  allocUnsafe: (size: number): Bytes => new Bytes(size),
}
