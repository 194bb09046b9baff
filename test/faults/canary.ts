/** A value that must not turn up anywhere, and the ways in which it may be written. */
import { randomBytes } from "node:crypto";

export class Canary {
  readonly what: string;
  /** Hexadecimal: JSON, YAML and URLs all write it as it is. */
  readonly value: string;

  constructor(what: string) {
    this.what = what;
    this.value = `c${randomBytes(9).toString("hex")}`;
  }

  get base64(): string {
    return Buffer.from(this.value).toString("base64");
  }

  isIn(text: string): boolean {
    return this.indexIn(text) >= 0;
  }

  /** Of the first place in which it is written; -1 without any. */
  indexIn(text: string): number {
    return this.#forms()
      .map((form) => text.indexOf(form))
      .reduce((first, at) => (at >= 0 && (first < 0 || at < first) ? at : first), -1);
  }

  /** As it is, in hex, and in base64 at each of the three offsets. */
  #forms(): string[] {
    const bytes = Buffer.from(this.value);
    const encoded = [0, 1, 2].flatMap((offset) => {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
      // Neighbours change the first and the last characters.
      return text.slice(offset === 0 ? 0 : offset + 1, -4);
    });
    return [this.value, bytes.toString("hex"), ...encoded];
  }
}
