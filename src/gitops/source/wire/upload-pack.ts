/**
 * The client's side of `git-upload-pack`: lists refs and asks for packs, by version 2 of the
 * protocol, where only the refs that are asked for are listed, or by version 0 where the server
 * knows no better. Every request is complete in itself, so that HTTP and SSH are the same.
 */
import { OBJECT_ID } from "../git-objects.ts";
import { isSafeRefName } from "../ref-name.ts";
import { SourceError, type SourceErrorCode } from "../source-error.ts";
import type { GitTransport, TransportLimits } from "./git-transport.ts";
import {
  DELIMITER,
  FLUSH,
  malformedAnswer,
  type Packet,
  packets,
  textOf,
  textPacket,
  truncatedAnswer,
} from "./pkt-line.ts";
import { reportedByServer } from "./server-message.ts";

export interface ListedRefs {
  /** What HEAD leads to; undefined in an empty repository. */
  readonly headId: string | undefined;
  readonly headRef: string | undefined;
  readonly ids: ReadonlyMap<string, string>;
  /** The prefixes that were asked for; undefined: these are all refs there are. */
  readonly prefixes: readonly string[] | undefined;
}

export interface PackRequest {
  readonly wants: readonly string[];
  /** Commits that are here with all their files. */
  readonly haves: readonly string[];
  /** Commits that are here without their parents. */
  readonly shallow: readonly string[];
  /** How many commits deep; undefined: everything that is missing. */
  readonly depth: number | undefined;
}

export interface PackAnswer {
  readonly shallow: readonly string[];
  readonly unshallow: readonly string[];
  readonly pack: Buffer;
}

interface Advertised {
  readonly version: 0 | 2;
  readonly capabilities: ReadonlyMap<string, string>;
  /** Version 0 only. */
  readonly refs: ListedRefs | undefined;
}

const AGENT = "agent=gantry";
/** A list for suggestions need not be complete. */
const MAX_REFS = 1_000_000;
/** How a server looks that was moved or exchanged since its advertisement. */
const MOVED: ReadonlySet<SourceErrorCode> = new Set<SourceErrorCode>([
  "protocol",
  "redirect-refused",
  "repository-not-found",
  "truncated",
]);
const BAND_PACK = 1;
const BAND_PROGRESS = 2;
const BAND_ERROR = 3;

export class UploadPack {
  readonly #transport: GitTransport;
  readonly #where: string;
  readonly #limits: TransportLimits;
  /** Kept from the listing of refs for the fetch that mostly follows. */
  #advertised: Advertised | undefined;

  constructor(transport: GitTransport, where: string, limits: TransportLimits) {
    this.#transport = transport;
    this.#where = where;
    this.#limits = limits;
  }

  /**
   * The refs below some prefixes (`refs/heads/main`, `refs/tags/`) and HEAD.
   * @param maxRefs reading stops after so many
   */
  async listRefs(
    prefixes: readonly string[],
    signal: AbortSignal,
    maxRefs: number = MAX_REFS,
  ): Promise<ListedRefs> {
    // What a server of version 2 can do stays the same: asking for that each time costs a round trip.
    if (this.#advertised?.version === 2)
      try {
        return await this.#lsRefs(prefixes, signal, maxRefs);
      } catch (error) {
        if (!(error instanceof SourceError) || !MOVED.has(error.code)) throw error;
      }
    const { refs } = await this.#advertise(signal);
    return refs ?? this.#lsRefs(prefixes, signal, maxRefs);
  }

  async #lsRefs(
    prefixes: readonly string[],
    signal: AbortSignal,
    maxRefs: number,
  ): Promise<ListedRefs> {
    const body = Buffer.concat([
      textPacket("command=ls-refs"),
      textPacket(AGENT),
      DELIMITER,
      textPacket("symrefs"),
      textPacket("ref-prefix HEAD"),
      ...prefixes.map((prefix) => textPacket(`ref-prefix ${prefix}`)),
      FLUSH,
    ]);
    const { maxRefsBytes: maxBytes } = this.#limits;
    const answer = await this.#transport.request(body, { version: 2, maxBytes, signal });
    const listing = new Listing();
    for await (const packet of this.#packets(answer)) {
      if (packet.kind !== "data") return listing.done(prefixes);
      const [id = "", name = "", ...attributes] = textOf(packet.payload).split(" ");
      const target = attributes.find((attribute) => attribute.startsWith("symref-target:"));
      listing.add(name, id, target?.slice("symref-target:".length));
      if (listing.size >= maxRefs) return listing.done(prefixes);
    }
    throw truncatedAnswer(this.#where);
  }

  /** @throws SourceError `revision-not-found` when the server does not hand out what is wanted */
  async fetchPack(request: PackRequest, signal: AbortSignal): Promise<PackAnswer> {
    const advertised = this.#advertised ?? (await this.#advertise(signal));
    const { version, capabilities } = advertised;
    const body = version === 2 ? requestV2(request) : requestV0(request, capabilities);
    const { maxPackBytes: maxBytes } = this.#limits;
    const answer = await this.#transport.request(body, { version, maxBytes, signal });
    return this.#readPackAnswer(answer);
  }

  /** Every branch and tag that the last advertisement named: what a server of old hands out. */
  get advertisedIds(): readonly string[] {
    return [...new Set(this.#advertised?.refs?.ids.values())];
  }

  async #advertise(signal: AbortSignal): Promise<Advertised> {
    this.#advertised = undefined;
    const answer = await this.#transport.advertisement(signal);
    const advertised = await this.#readAdvertisement(answer);
    this.#advertised = advertised;
    return advertised;
  }

  async #readAdvertisement(answer: AsyncIterable<Buffer>): Promise<Advertised> {
    const listing = new Listing();
    let capabilities: ReadonlyMap<string, string> | undefined;
    let isVersion2 = false;
    // Smart HTTP may begin with a line of its own and a flush.
    let inPreamble = false;
    for await (const packet of this.#packets(answer)) {
      if (packet.kind === "data") {
        const line = textOf(packet.payload);
        if (line.startsWith("# service=")) inPreamble = true;
        else if (line === "version 2") isVersion2 = true;
        else if (!isVersion2 && line !== "version 1") {
          const [text = "", words = ""] = line.split("\0");
          capabilities ??= capabilitiesOf(words);
          this.#addAdvertised(listing, text, capabilities);
        }
      } else if (inPreamble) inPreamble = false;
      else if (isVersion2) return { version: 2, capabilities: new Map(), refs: undefined };
      else return { version: 0, capabilities: this.#usable(capabilities), refs: listing.done() };
    }
    throw truncatedAnswer(this.#where);
  }

  #addAdvertised(listing: Listing, text: string, capabilities: ReadonlyMap<string, string>): void {
    const match = /^([0-9a-f]{40}) (.+)$/.exec(text);
    if (match?.[1] === undefined || match[2] === undefined) {
      if (/^shallow [0-9a-f]{40}$/.test(text)) return;
      throw malformedAnswer(this.#where);
    }
    // `capabilities^{}` stands in for refs in an empty repository; `^{}` follows annotated tags.
    if (match[2].endsWith("^{}")) return;
    const target = match[2] === "HEAD" ? capabilities.get("symref=HEAD") : undefined;
    listing.add(match[2], match[1], target);
    if (listing.size > MAX_REFS) throw malformedAnswer(this.#where);
  }

  /** Without bands a pack and the server's messages cannot be told apart; all servers have them. */
  #usable(offered: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
    if (offered === undefined || offered.has("side-band-64k")) return offered ?? new Map();
    throw new SourceError("unsupported", {
      what: "the server's Git is too old: it has no side-band-64k",
      where: this.#where,
      advice: "Use a Git server of version 1.5 or newer.",
    });
  }

  async #readPackAnswer(answer: AsyncIterable<Buffer>): Promise<PackAnswer> {
    const shallow: string[] = [];
    const unshallow: string[] = [];
    const pieces: Buffer[] = [];
    let inPack = false;
    for await (const packet of this.#packets(answer)) {
      if (packet.kind !== "data") {
        if (inPack && packet.kind === "flush")
          return { shallow, unshallow, pack: Buffer.concat(pieces) };
        continue;
      }
      const band = packet.payload[0];
      if (band === BAND_PACK) {
        inPack = true;
        pieces.push(Buffer.from(packet.payload.subarray(1)));
      } else if (band === BAND_ERROR)
        throw reportedByServer(packet.payload.subarray(1), this.#where);
      else if (band !== BAND_PROGRESS) {
        const line = textOf(packet.payload);
        const change = /^(shallow|unshallow) ([0-9a-f]{40})$/.exec(line);
        if (change?.[2] !== undefined)
          (change[1] === "shallow" ? shallow : unshallow).push(change[2]);
        else if (!KNOWN_LINES.test(line)) throw malformedAnswer(this.#where);
      }
    }
    throw truncatedAnswer(this.#where);
  }

  async *#packets(answer: AsyncIterable<Buffer>): AsyncGenerator<Packet, void> {
    for await (const packet of packets(answer, this.#where)) {
      if (packet.kind === "data" && packet.payload.toString("latin1", 0, 4) === "ERR ")
        throw reportedByServer(packet.payload.subarray(4), this.#where);
      yield packet;
    }
  }
}

/** Section heads of version 2, and the outcome of the negotiation, which is over in one round. */
const KNOWN_LINES = /^(shallow-info|packfile|acknowledgments|NAK|ACK [0-9a-f]{40}.*|ready)$/;

class Listing {
  #headId: string | undefined;
  #headRef: string | undefined;
  readonly #ids = new Map<string, string>();

  get size(): number {
    return this.#ids.size;
  }

  /** Names that no checkout of refs could hold are left out: they are attacks on the reader. */
  add(name: string, id: string, target: string | undefined): void {
    if (!OBJECT_ID.test(id)) return;
    if (name === "HEAD") {
      this.#headId = id;
      if (target !== undefined && isSafeRefName(target)) this.#headRef = target;
    } else if (name.startsWith("refs/") && isSafeRefName(name)) this.#ids.set(name, id);
  }

  done(prefixes?: readonly string[]): ListedRefs {
    return { headId: this.#headId, headRef: this.#headRef, ids: this.#ids, prefixes };
  }
}

/** `symref=HEAD:refs/heads/main` becomes `symref=HEAD` → the ref; others are split at `=`. */
function capabilitiesOf(words: string): Map<string, string> {
  const capabilities = new Map<string, string>();
  for (const word of words.split(" ").filter((found) => found !== "")) {
    const split = word.startsWith("symref=") ? word.indexOf(":") : word.indexOf("=");
    if (split < 0) capabilities.set(word, "");
    else capabilities.set(word.slice(0, split), word.slice(split + 1));
  }
  return capabilities;
}

function requestV2(request: PackRequest): Buffer {
  return Buffer.concat([
    textPacket("command=fetch"),
    textPacket(AGENT),
    DELIMITER,
    textPacket("thin-pack"),
    textPacket("ofs-delta"),
    textPacket("no-progress"),
    ...request.shallow.map((id) => textPacket(`shallow ${id}`)),
    ...(request.depth === undefined ? [] : [textPacket(`deepen ${request.depth}`)]),
    ...request.wants.map((id) => textPacket(`want ${id}`)),
    ...request.haves.map((id) => textPacket(`have ${id}`)),
    textPacket("done"),
    FLUSH,
  ]);
}

function requestV0(request: PackRequest, offered: ReadonlyMap<string, string>): Buffer {
  // Some servers insist on multi_ack_detailed, although one round needs no details.
  const wished = ["multi_ack_detailed", "side-band-64k", "thin-pack", "ofs-delta", "no-progress"];
  const capabilities = [...wished, "shallow"].filter((name) => offered.has(name));
  if (offered.has("agent")) capabilities.push(AGENT);
  const [first = "", ...others] = request.wants;
  const canDeepen = request.depth !== undefined && offered.has("shallow");
  return Buffer.concat([
    textPacket(`want ${first} ${capabilities.join(" ")}`),
    ...others.map((id) => textPacket(`want ${id}`)),
    ...(offered.has("shallow") ? request.shallow : []).map((id) => textPacket(`shallow ${id}`)),
    ...(canDeepen ? [textPacket(`deepen ${request.depth}`)] : []),
    FLUSH,
    ...request.haves.map((id) => textPacket(`have ${id}`)),
    textPacket("done"),
  ]);
}
