/** `/status`: what controllers report, written apart from what users ask for. */
import type { ObjectMeta } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import type { ObjectView, WithStatus } from "./subresource.ts";

export function statusView(served: ServedKind): ObjectView {
  return {
    addressed: served.kind,
    schema: served.kind.schema,
    read: (object) => object,
    write: (view, current) => writeStatus(view, current, served.custom !== undefined),
  };
}

function writeStatus(view: WithStatus, current: WithStatus, custom: boolean): WithStatus {
  const { status: _, ...rest } = current;
  const metadata = custom ? current.metadata : annotated(current.metadata, view.metadata);
  const written = { ...rest, metadata };
  return "status" in view ? { ...written, status: view.status } : written;
}

/** Built-in kinds take labels and annotations along, as upstream does; who owns and holds the object they do not. */
function annotated(current: ObjectMeta, view: ObjectMeta): ObjectMeta {
  const { labels: _labels, annotations: _annotations, ...rest } = current;
  return {
    ...rest,
    ...(view.labels === undefined ? {} : { labels: view.labels }),
    ...(view.annotations === undefined ? {} : { annotations: view.annotations }),
  };
}
