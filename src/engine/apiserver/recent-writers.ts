/** Who wrote to an object lately, by field manager: what managed fields leave out is the user. */
import type { AuditRecord } from "./audit.ts";

/** Objects that people touched; those longest untouched are forgotten first. */
const MAX_OBJECTS = 10_000;
/** People use a handful of programs. */
const MAX_MANAGERS = 16;

export interface WriterRecord {
  readonly user: string;
  readonly atMs: number;
}
export interface ObjectAddress {
  readonly group: string;
  readonly plural: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

export class RecentWriters {
  readonly #byObject = new Map<string, Map<string, WriterRecord>>();

  record({ request, failure, fieldManager, userAgent = "", finishedAtMs }: AuditRecord): void {
    const { name, namespace = "", group, plural, user } = request;
    if (failure !== undefined || name === undefined) return;
    const id = idOf({ group, plural, namespace, name });
    const managers = this.#byObject.get(id) ?? new Map<string, WriterRecord>();
    // Put behind all others: the first of a map is the one longest untouched.
    this.#byObject.delete(id);
    this.#byObject.set(id, managers);
    managers.set(fieldManager ?? userAgent.split("/")[0] ?? "", {
      user: user.name,
      atMs: finishedAtMs,
    });
    trim(managers, MAX_MANAGERS);
    trim(this.#byObject, MAX_OBJECTS);
  }

  /** Undefined: nobody since the start, or too long ago. */
  find(object: ObjectAddress, manager: string): WriterRecord | undefined {
    return this.#byObject.get(idOf(object))?.get(manager);
  }
}

const idOf = ({ group, plural, namespace, name }: ObjectAddress): string =>
  `${group}/${plural}/${namespace}/${name}`;

function trim(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return;
  const [first] = map.keys();
  if (first !== undefined) map.delete(first);
}
