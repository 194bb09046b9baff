/** How a command ended, as the `Status` that goes to the client on the error channel. Pure. */
import { type Status, StatusError } from "../../../kube/status-error.ts";

const SUCCESS: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };

/** `undefined`: an end without a code, as that of an attached container. */
export function outcomeOf(exitCode: number | undefined): Status {
  if (exitCode === undefined || exitCode === 0) return SUCCESS;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}

export function failureOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  const message = error instanceof Error ? error.message : String(error);
  return StatusError.of("InternalError", message).status;
}
