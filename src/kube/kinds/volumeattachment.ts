import type { VolumeAttachment as UpstreamVolumeAttachment } from "kubernetes-types/storage/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { immutable, invalid, required, requiredName, requiredText } from "./field-problems.ts";

export type VolumeAttachment = Live<UpstreamVolumeAttachment>;

export const volumeAttachments: Kind<VolumeAttachment> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttachment",
  plural: "volumeattachments",
  singular: "volumeattachment",
  namespaced: false,
  subresources: { status: true },
  get schema() {
    return builtinSchema("storage.k8s.io/v1", "VolumeAttachment");
  },
  columns: [
    nameColumn,
    textColumn<VolumeAttachment>(
      "Attacher",
      "Driver that attaches.",
      ({ spec }: Partial<VolumeAttachment>) => spec?.attacher ?? "",
    ),
    textColumn<VolumeAttachment>(
      "PV",
      "Volume.",
      ({ spec }: Partial<VolumeAttachment>) => spec?.source.persistentVolumeName ?? "",
    ),
    textColumn<VolumeAttachment>(
      "Node",
      "Node that it is for.",
      ({ spec }: Partial<VolumeAttachment>) => spec?.nodeName ?? "",
    ),
    {
      name: "Attached",
      type: "boolean",
      description: "Whether the volume is attached.",
      cell: ({ status }) => status?.attached ?? false,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    validate: validateAttachment,
    validateUpdate: (next, previous) => immutable("spec", next.spec, previous.spec),
  },
};

function validateAttachment({ spec }: VolumeAttachment): FieldError[] {
  const { persistentVolumeName, inlineVolumeSpec } = spec.source;
  const errors = [
    ...requiredName("spec.attacher", spec.attacher, (name) => dns1123Subdomain(name.toLowerCase())),
    ...requiredText("spec.nodeName", spec.nodeName),
  ];
  if (persistentVolumeName === undefined && inlineVolumeSpec === undefined)
    errors.push(
      required("spec.source", "must specify one of inlineVolumeSpec and persistentVolumeName"),
    );
  if (persistentVolumeName !== undefined && inlineVolumeSpec !== undefined)
    errors.push(
      invalid(
        "spec.source",
        "",
        "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
      ),
    );
  if (persistentVolumeName === "")
    errors.push(
      required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"),
    );
  return errors;
}
