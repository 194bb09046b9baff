/** The encoding of SSH keys and signatures: lengths of four bytes, then the content. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws RangeError when there is less */
  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError("cut short");
    const found = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return found;
  }

  uint32(): number {
    return this.take(4).readUInt32BE(0);
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString("latin1");
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
}

export function sshString(content: string | Buffer): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
