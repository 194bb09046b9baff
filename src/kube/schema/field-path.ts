/**
 * The place of a walk in an object, spelled out only when something is wrong there: walks are hot,
 * problems are rare.
 */
export class FieldPath {
  readonly #segments: (string | number)[] = [];
  readonly #isMapKey: boolean[] = [];
  readonly #prefix: string;

  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  push(segment: string | number, isMapKey = false): void {
    this.#segments.push(segment);
    this.#isMapKey.push(isMapKey);
  }
  pop(): void {
    this.#segments.pop();
    this.#isMapKey.pop();
  }
  /** `spec.containers[0].name`, `metadata.labels[app]`. */
  toString(): string {
    let text = this.#prefix;
    this.#segments.forEach((segment, at) => {
      if (typeof segment === "number" || this.#isMapKey[at] === true) text += `[${segment}]`;
      else text += text === "" ? segment : `.${segment}`;
    });
    return text;
  }
}
