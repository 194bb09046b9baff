/** Credentials on their way to a driver, kept from logs, errors and JSON on the way. */
import { inspect } from "node:util";

const HIDDEN = "<hidden>";

export class Secrets {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: Readonly<Record<string, string>>) {
    this.#values = new Map(Object.entries(values));
  }

  /** The values themselves: for the request to the driver, and for nothing else. */
  reveal(): ReadonlyMap<string, string> {
    return this.#values;
  }

  /** The text without any of the values that it holds. */
  redact(text: string): string {
    let result = text;
    for (const value of this.#values.values())
      if (value.length >= MIN_REDACTED_LENGTH) result = result.replaceAll(value, HIDDEN);
    return result;
  }

  toJSON(): string {
    return HIDDEN;
  }
  toString(): string {
    return HIDDEN;
  }
  [inspect.custom](): string {
    return HIDDEN;
  }
}

/** Shorter values would take ordinary words out of messages without keeping anything secret. */
const MIN_REDACTED_LENGTH = 4;
