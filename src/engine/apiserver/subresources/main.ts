/** The object itself: everything but the status, where the kind keeps that apart. */
import type { ServedKind } from "../registry.ts";
import type { ObjectView, WithStatus } from "./subresource.ts";

export function mainView({ kind }: ServedKind): ObjectView {
  return {
    addressed: kind,
    schema: kind.schema,
    read: (object) => object,
    write: kind.subresources?.status === true ? keepStatus : (view) => view,
  };
}

function keepStatus(view: WithStatus, current: WithStatus): WithStatus {
  const { status: _, ...rest } = view;
  return "status" in current ? { ...rest, status: current.status } : rest;
}
