/** An object together with its JSON bytes, so that a response can be written without encoding it again. */
import type { KubeObject } from "../../kube/object.ts";

/** What reads and writes answer. `Stored` is one; see there about sharing. */
export interface Encoded<T extends KubeObject = KubeObject> {
  readonly object: T;
  readonly json: Buffer;
}

/** Encodes an object that is not stored as it is (dry run, other version, subresource) when first asked. */
export function encodeLazily<T extends KubeObject>(object: T): Encoded<T> {
  return new LazilyEncoded(object);
}

class LazilyEncoded<T extends KubeObject> implements Encoded<T> {
  readonly object: T;
  #json: Buffer | undefined;
  constructor(object: T) {
    this.object = object;
  }
  get json(): Buffer {
    this.#json ??= Buffer.from(JSON.stringify(this.object));
    return this.#json;
  }
}
