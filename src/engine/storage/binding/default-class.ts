/** Which class claims get that name none. */
import { isDefaultClass, type StorageClass } from "../../../kube/kinds/storageclass.ts";

/** The newest of the default classes; of two made in the same second the first by name. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const [first] = classes.filter(isDefaultClass).toSorted((a, b) => {
    const [before, after] = [createdAt(a), createdAt(b)];
    if (before !== after) return before < after ? 1 : -1;
    return a.metadata.name < b.metadata.name ? -1 : 1;
  });
  return first;
}

const createdAt = ({ metadata }: StorageClass): string => metadata.creationTimestamp ?? "";
