import type { CSIDriver as UpstreamCSIDriver } from "kubernetes-types/storage/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, NONE, nameColumn, textColumn } from "./columns.ts";
import { duplicate, duplicates, immutable, invalid, tooLong } from "./field-problems.ts";

export type CSIDriver = Live<UpstreamCSIDriver>;
type Flag = "attachRequired" | "podInfoOnMount" | "storageCapacity" | "requiresRepublish";

/** Longest driver name of the CSI specification. */
const MAX_NAME_LENGTH = 63;
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;

export const csiDrivers: Kind<CSIDriver> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIDriver",
  plural: "csidrivers",
  singular: "csidriver",
  namespaced: false,
  get schema() {
    return builtinSchema("storage.k8s.io/v1", "CSIDriver");
  },
  columns: [
    nameColumn,
    flagColumn("AttachRequired", "Whether volumes are attached first.", "attachRequired", true),
    flagColumn("PodInfoOnMount", "Whether the driver is told of the pod.", "podInfoOnMount", false),
    flagColumn("StorageCapacity", "Whether capacity is published.", "storageCapacity", false),
    textColumn<CSIDriver>(
      "TokenRequests",
      "Audiences of the tokens that the driver gets.",
      ({ spec }: Partial<CSIDriver>) =>
        spec?.tokenRequests?.map(({ audience }) => audience).join(",") ?? "<unset>",
    ),
    flagColumn("RequiresRepublish", "Whether mounts are renewed.", "requiresRepublish", false),
    textColumn<CSIDriver>(
      "Modes",
      "Lifecycles of its volumes.",
      ({ spec }: Partial<CSIDriver>) => spec?.volumeLifecycleModes?.join(",") || NONE,
    ),
    ageColumn,
  ],
  strategy: {
    validateName: (name) => [
      ...dns1123Subdomain(name.toLowerCase()),
      ...(name.length > MAX_NAME_LENGTH
        ? [`must be no more than ${MAX_NAME_LENGTH} characters`]
        : []),
    ],
    validate: validateDriver,
    validateUpdate: (next, previous) => [
      ...immutable("spec.attachRequired", next.spec.attachRequired, previous.spec.attachRequired),
      ...immutable(
        "spec.volumeLifecycleModes",
        next.spec.volumeLifecycleModes,
        previous.spec.volumeLifecycleModes,
      ),
    ],
  },
};

function flagColumn(name: string, description: string, flag: Flag, otherwise: boolean) {
  return {
    name,
    type: "boolean" as const,
    description,
    cell: ({ spec }: Partial<CSIDriver>) => spec?.[flag] ?? otherwise,
  };
}

function validateDriver({ metadata, spec }: CSIDriver): FieldError[] {
  const tokens = spec.tokenRequests ?? [];
  return [
    ...(metadata.name.length > MAX_NAME_LENGTH ? [tooLong("metadata.name", MAX_NAME_LENGTH)] : []),
    ...duplicates(
      tokens,
      ({ audience }) => audience,
      (index, audience) => duplicate(`spec.tokenRequests[${index}].audience`, audience),
    ),
    ...tokens.flatMap(({ expirationSeconds: seconds }, index) =>
      seconds === undefined || (seconds >= MIN_TOKEN_SECONDS && seconds <= MAX_TOKEN_SECONDS)
        ? []
        : [
            invalid(
              `spec.tokenRequests[${index}].expirationSeconds`,
              seconds,
              `must be between ${MIN_TOKEN_SECONDS} (10 minutes) and 2^32 seconds`,
            ),
          ],
    ),
  ];
}
