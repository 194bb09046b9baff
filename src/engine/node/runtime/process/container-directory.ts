/**
 * Where the process runtime keeps its files, below `<data-dir>/pods`:
 *
 *     <podUid>/sandbox.json                        ports and name of the pod
 *     <podUid>/etc/…                               files that stand in for those of the machine
 *     <podUid>/volumes/…                           laid out by the node agent
 *     <podUid>/containers/<name>/root/             what the container sees as `/`
 *     <podUid>/containers/<name>/<attempt>/        one run of the container:
 *       container.json                             how it was started
 *       cgroups                                      where its processes join control groups
 *       wrapper, main                              `/proc/<pid>/stat` of its two processes, by themselves
 *       stdout, stderr                             raw output, emptied as the log pump reads it
 *       stdin, stdin-end                           FIFOs of a container with input (container-input.ts)
 *       log-position                               how far the log pump got
 *       exit                                       the exit code, written by the wrapper
 */
import { join } from "node:path";

export interface ContainerDirectory {
  readonly path: string;
  readonly record: string;
  readonly cgroups: string;
  readonly wrapper: string;
  readonly main: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdin: string;
  readonly stdinEnd: string;
  readonly logPosition: string;
  readonly exit: string;
}

export const sandboxFile = (podDirectory: string): string => join(podDirectory, "sandbox.json");
export const containersDirectory = (podDirectory: string): string =>
  join(podDirectory, "containers");
export const rootDirectory = (podDirectory: string, container: string): string =>
  join(podDirectory, "containers", container, "root");

export function containerDirectory(
  podDirectory: string,
  container: string,
  attempt: number,
): ContainerDirectory {
  const path = join(podDirectory, "containers", container, String(attempt));
  return {
    path,
    record: join(path, "container.json"),
    cgroups: join(path, "cgroups"),
    wrapper: join(path, "wrapper"),
    main: join(path, "main"),
    stdout: join(path, "stdout"),
    stderr: join(path, "stderr"),
    stdin: join(path, "stdin"),
    stdinEnd: join(path, "stdin-end"),
    logPosition: join(path, "log-position"),
    exit: join(path, "exit"),
  };
}
