/** Stock helm and kubectl for a `gantry up` that renders charts and overlays. */
import { Programs } from "../../src/gitops/render/programs/programs.ts";
import { findHelm, findKubectl, pathOf } from "../stock-tools.ts";

export const HELM = pathOf(await findHelm());
export const KUBECTL = pathOf(await findKubectl());

/** Machines without namespaces, such as some containers, still test what the programs make. */
export const SANDBOX_FLAGS: readonly string[] =
  (await new Programs().sandboxProblem()) === undefined ? [] : ["--render-sandbox", "best-effort"];
