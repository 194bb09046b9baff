/** What a write to `/ephemeralcontainers` may change: containers are added, and then stay as they are. */
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { forbidden } from "../field-problems.ts";
import type { Pod } from "./pod-object.ts";

const FIELD = "spec.ephemeralContainers";

export function validateEphemeralUpdate(next: Pod, previous: Pod): FieldError[] {
  const asked = new Map(
    (next.spec?.ephemeralContainers ?? []).map((container) => [container.name, container]),
  );
  return (previous.spec?.ephemeralContainers ?? []).flatMap((container) => {
    const { name } = container;
    const wanted = asked.get(name);
    if (wanted === undefined)
      return [
        forbidden(
          FIELD,
          `existing ephemeral containers ${JSON.stringify(name)} may not be removed`,
        ),
      ];
    return deepEqual(wanted, container)
      ? []
      : [
          forbidden(
            FIELD,
            `existing ephemeral containers ${JSON.stringify(name)} may not be changed`,
          ),
        ];
  });
}

/** The pod with the ephemeral containers of another state of it. */
export function withEphemeralContainers(pod: Pod, { spec }: Pod): Pod {
  const { ephemeralContainers: _, ...rest } = pod.spec ?? { containers: [] };
  const wanted = spec?.ephemeralContainers ?? [];
  return {
    ...pod,
    spec: wanted.length === 0 ? rest : { ...rest, ephemeralContainers: wanted },
  };
}
