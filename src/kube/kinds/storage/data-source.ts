/** What a new volume is filled with: another claim or a snapshot. */
import type { TypedLocalObjectReference, TypedObjectReference } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { isObject } from "../../json-object.ts";
import { dns1123Subdomain, pathSegment } from "../../names.ts";
import { invalid, named, requiredText } from "../field-problems.ts";
import { rewrite } from "../rewrite.ts";

const CLAIM = "PersistentVolumeClaim";
export const SNAPSHOT_GROUP = "snapshot.storage.k8s.io";

/**
 * `dataSource` and `dataSourceRef` say the same thing: either fills in the other. What is neither
 * claim nor snapshot is dropped from `dataSource`, as upstream does for old clients.
 */
export function withDataSources<T>(claim: T): T {
  return rewrite(claim, [
    [
      "spec",
      (spec) => {
        const { dataSource, dataSourceRef, ...rest } = spec;
        const source = isClaimOrSnapshot(dataSource) ? dataSource : undefined;
        if (!isObject(dataSourceRef)) {
          if (source !== undefined) return { ...rest, dataSource: source, dataSourceRef: source };
          return dataSource === undefined || !isObject(dataSource)
            ? spec
            : { ...rest, ...(dataSourceRef === undefined ? {} : { dataSourceRef }) };
        }
        const isLocal = dataSourceRef["namespace"] === undefined;
        if (dataSource !== undefined || !isLocal || !isClaimOrSnapshot(dataSourceRef)) return spec;
        return { ...rest, dataSource: dataSourceRef, dataSourceRef };
      },
    ],
  ]);
}

function isClaimOrSnapshot(source: unknown): boolean {
  if (!isObject(source)) return false;
  const group = source["apiGroup"] ?? "";
  return (
    (group === "" && source["kind"] === CLAIM) ||
    (group === SNAPSHOT_GROUP && source["kind"] === "VolumeSnapshot")
  );
}

export function validateDataSource(
  source: TypedLocalObjectReference | TypedObjectReference,
  field: string,
): FieldError[] {
  const { apiGroup = "", kind, name } = source;
  const errors = [
    ...requiredText(`${field}.name`, name),
    ...(name === "" ? [] : named(`${field}.name`, name, pathSegment)),
    ...requiredText(`${field}.kind`, kind),
  ];
  if (apiGroup !== "") errors.push(...named(`${field}.apiGroup`, apiGroup, dns1123Subdomain));
  else if (kind !== CLAIM) {
    const detail = `must be '${CLAIM}' when referencing the default apiGroup`;
    errors.push(invalid(`${field}.kind`, kind, detail));
  }
  return errors;
}
