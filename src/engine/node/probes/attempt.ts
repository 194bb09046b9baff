/** One attempt of a probe or a lifecycle hook. Never throws: what goes wrong is a failure. */
import type { LifecycleHandler, Probe } from "kubernetes-types/core/v1";
import type { Runtime } from "../runtime/runtime.ts";
import { grpcHealth } from "./grpc-health.ts";
import { httpGet } from "./http-get.ts";
import { failure, MAX_PROBE_OUTPUT_BYTES, type ProbeOutcome, success } from "./outcome.ts";
import { type TargetContext, targetOf, urlOf } from "./probe-target.ts";
import { tcpConnect } from "./tcp-connect.ts";

export interface AttemptContext extends TargetContext {
  readonly runtime: Pick<Runtime, "exec">;
  readonly containerId: string;
}
export type ProbeHandler = Pick<Probe, "exec" | "grpc" | "httpGet" | "tcpSocket">;

export async function attempt(
  handler: ProbeHandler | LifecycleHandler,
  context: AttemptContext,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  try {
    if (handler.exec !== undefined) return await exec(handler.exec.command, context, timeoutMs);
    if (handler.httpGet !== undefined) {
      const headers = handler.httpGet.httpHeaders ?? [];
      return await httpGet(urlOf(handler.httpGet, context), { headers, timeoutMs });
    }
    if (handler.tcpSocket !== undefined)
      return await tcpConnect(targetOf(handler.tcpSocket, context), timeoutMs);
    if ("grpc" in handler && handler.grpc !== undefined)
      return await grpcHealth(
        targetOf(handler.grpc, context),
        handler.grpc.service ?? "",
        timeoutMs,
      );
    return failure("missing probe handler");
  } catch (error) {
    return failure((error as Error).message);
  }
}

async function exec(
  command: readonly string[] | undefined,
  { runtime, containerId }: AttemptContext,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { exitCode, output } = await runtime.exec(containerId, command ?? [], {
    timeoutMs,
    maxOutputBytes: MAX_PROBE_OUTPUT_BYTES,
  });
  return exitCode === 0 ? success : failure(output.toString().trim() || `exit status ${exitCode}`);
}
