/**
 * Runs scripts of strangers: Lua without files, processes, modules, debugging or loading of code,
 * and with bounds on instructions, text and time. Loaded lazily: the interpreter is large.
 */
import fengari, { type LuaFunction, type LuaState } from "fengari";
import { LuaBudget } from "./lua-budget.ts";
import { pushJson, pushText, textAt } from "./lua-value.ts";
import { raiseErrors, stringFunctions } from "./string-functions.ts";

const { lua, lauxlib, lualib, to_luastring } = fengari;

/** Longest script, in characters. Argo CD's longest has about 10,000. */
const MAX_SCRIPT_LENGTH = 65_536;
/** Numbers of instructions in Lua 5.3 (lopcodes.h). */
const OP_CONCAT = 29;
const OP_VARARG = 45;

const names = (text: string): readonly string[] => text.split(" ");

/** Everything that a script may call; what is not listed is taken away. */
const LIBRARIES: readonly {
  readonly name: string;
  readonly open: LuaFunction;
  readonly allowed: readonly string[];
}[] = [
  {
    name: "_G",
    open: lualib.luaopen_base,
    allowed: names(
      "assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen rawset select setmetatable tonumber tostring type xpcall",
    ),
  },
  {
    name: "string",
    open: lualib.luaopen_string,
    allowed: names("byte char format len lower reverse sub upper"),
  },
  {
    name: "table",
    open: lualib.luaopen_table,
    allowed: names("concat insert pack remove sort unpack"),
  },
  {
    name: "math",
    open: lualib.luaopen_math,
    allowed: names(
      "abs ceil cos exp floor fmod huge log max maxinteger min mininteger modf pi sin sqrt tan tointeger type ult",
    ),
  },
  // What Argo CD's own sandbox leaves of it.
  { name: "os", open: lualib.luaopen_os, allowed: names("date difftime time") },
];

export class LuaScriptError extends Error {
  override readonly name = "LuaScriptError";
}

/** It used up its bounds. */
export class LuaExhaustedError extends Error {
  override readonly name = "LuaExhaustedError";
}

/** What a script returned: the fields of its table that are text. */
export interface LuaResult {
  readonly status: string | undefined;
  readonly message: string | undefined;
}

/** @throws {LuaScriptError} when the script is no Lua */
export function checkScript(script: string): void {
  load(lauxlib.luaL_newstate(), script);
}

/**
 * Runs a script with the global `obj`. It returns a table; one that sets the global `hs` and
 * returns nothing means that one.
 * @param nowMs of a monotonic clock
 * @throws {LuaScriptError} when it fails or gives no table
 * @throws {LuaExhaustedError} when it exceeds its bounds
 */
export function runScript(script: string, object: unknown, nowMs: () => number): LuaResult {
  const budget = new LuaBudget(nowMs);
  const L = lauxlib.luaL_newstate();
  openLibraries(L, budget);
  pushJson(L, object);
  lua.lua_setglobal(L, to_luastring("obj"));
  load(L, script);
  lua.lua_sethook(L, (state) => meter(state, budget), lua.LUA_MASKCOUNT, 1);
  const outcome = lua.lua_pcall(L, 0, 1, 0);
  if (budget.exceeded !== undefined) throw new LuaExhaustedError(budget.exceeded);
  if (outcome !== lua.LUA_OK) throw new LuaScriptError(textAt(L, -1) ?? "it failed");
  if (lua.lua_type(L, -1) === lua.LUA_TNIL) lua.lua_getglobal(L, to_luastring("hs"));
  if (lua.lua_type(L, -1) !== lua.LUA_TTABLE)
    throw new LuaScriptError("it returned no table with status and message");
  return { status: field(L, "status"), message: field(L, "message") };
}

function field(L: LuaState, name: string): string | undefined {
  // Without metamethods: they would run outside the bounds.
  lua.lua_pushlstring(L, to_luastring(name), name.length);
  lua.lua_rawget(L, -2);
  const text = textAt(L, -1);
  lua.lua_pop(L, 1);
  return text;
}

function load(L: LuaState, script: string): void {
  if (script.length > MAX_SCRIPT_LENGTH)
    throw new LuaScriptError(`it is longer than ${MAX_SCRIPT_LENGTH} characters`);
  const code = to_luastring(script);
  // "t": text only, since crafted bytecode breaks the interpreter.
  const name = to_luastring("=health.lua");
  if (lauxlib.luaL_loadbufferx(L, code, code.length, name, to_luastring("t")) === lua.LUA_OK)
    return;
  throw new LuaScriptError(textAt(L, -1) ?? "it is no Lua");
}

/** Before every instruction. */
function meter(L: LuaState, budget: LuaBudget): void {
  raiseErrors(L, () => {
    budget.charge(1);
    const { l_code, l_savedpc, l_base, funcOff } = L.ci;
    const instruction = l_code?.[l_savedpc - 1];
    if (instruction?.opcode === OP_CONCAT) {
      let bytes = 0;
      for (let at = instruction.B; at <= instruction.C; at++) {
        const value = L.stack[l_base + at];
        if (value?.ttisstring() === true) bytes += value.vslen();
      }
      budget.chargeText(bytes);
    } else if (instruction?.opcode === OP_VARARG) budget.charge(Math.max(0, l_base - funcOff));
    return 0;
  });
}

function openLibraries(L: LuaState, budget: LuaBudget): void {
  for (const { name, open, allowed } of LIBRARIES) {
    lauxlib.luaL_requiref(L, to_luastring(name), open, 1);
    const kept = new Map<string, LuaFunction | undefined>();
    for (const key of allowed) {
      lua.lua_getfield(L, -1, to_luastring(key));
      kept.set(key, lua.lua_tocfunction(L, -1) ?? undefined);
      lua.lua_pop(L, 1);
    }
    for (const key of keysOf(L)) {
      const original = kept.get(key);
      if (original !== undefined) setFunction(L, key, bounded(name, key, original, budget));
      else if (!kept.has(key) && key !== "_G") setNil(L, key);
    }
    if (name === "string") {
      for (const [key, body] of Object.entries(stringFunctions(budget)))
        setFunction(L, key, (state) => raiseErrors(state, () => body(state)));
    }
    lua.lua_pop(L, 1);
  }
  lua.lua_pushcfunction(L, () => 0);
  lua.lua_setglobal(L, to_luastring("print"));
  // Scripts for Argo CD are written for Lua 5.1.
  lua.lua_getglobal(L, to_luastring("table"));
  lua.lua_getfield(L, -1, to_luastring("unpack"));
  lua.lua_setglobal(L, to_luastring("unpack"));
  setFunction(L, "getn", (state) => {
    lua.lua_pushinteger(state, lua.lua_rawlen(state, 1));
    return 1;
  });
  lua.lua_pop(L, 1);
}

/** The keys of the table on top of the stack. */
function keysOf(L: LuaState): string[] {
  const keys: string[] = [];
  lua.lua_pushnil(L);
  while (lua.lua_next(L, -2) !== 0) {
    const key = textAt(L, -2);
    if (key !== undefined) keys.push(key);
    lua.lua_pop(L, 1);
  }
  return keys;
}

function setFunction(L: LuaState, key: string, body: LuaFunction): void {
  lua.lua_pushcfunction(L, body);
  lua.lua_setfield(L, -2, to_luastring(key));
}

function setNil(L: LuaState, key: string): void {
  lua.lua_pushnil(L);
  lua.lua_setfield(L, -2, to_luastring(key));
}

/** The interpreter's function, charged by what it is given before it runs. */
function bounded(
  library: string,
  name: string,
  original: LuaFunction,
  budget: LuaBudget,
): LuaFunction {
  return (L) => {
    raiseErrors(L, () => {
      chargeArguments(L, `${library}.${name}`, budget);
      if (library === "os" && name === "date") inUniversalTime(L);
      return 0;
    });
    return original(L);
  };
}

/** The interpreter ignores the `!` of `os.date("!%H:%M")`, and repeats it. */
function inUniversalTime(L: LuaState): void {
  const format = textAt(L, 1);
  if (format?.startsWith("!") !== true || format.startsWith("!*t")) return;
  const seconds = lauxlib.luaL_optinteger(L, 2, Math.floor(Date.now() / 1000));
  const offsetMinutes = new Date(seconds * 1000).getTimezoneOffset();
  lua.lua_settop(L, 0);
  pushText(L, format.slice(1));
  lua.lua_pushinteger(L, seconds + offsetMinutes * 60);
}

function chargeArguments(L: LuaState, name: string, budget: LuaBudget): void {
  const count = lua.lua_gettop(L);
  budget.charge(1 + count / 8);
  let bytes = 0;
  for (let argument = 1; argument <= count; argument++) {
    const type = lua.lua_type(L, argument);
    if (type === lua.LUA_TSTRING) bytes += lua.lua_rawlen(L, argument);
    else if (type === lua.LUA_TTABLE && name.startsWith("table."))
      budget.charge(lua.lua_rawlen(L, argument) / 4);
  }
  budget.chargeText(bytes);
  if (name === "string.byte") budget.charge(bytes);
  if (name === "table.unpack") chargeUnpack(L, budget);
  if (name === "table.concat") chargeConcat(L, budget);
  if (name === "table.sort") {
    const length = lua.lua_rawlen(L, 1);
    budget.charge(length * Math.log2(length + 1));
  }
}

function chargeUnpack(L: LuaState, budget: LuaBudget): void {
  const from = lauxlib.luaL_optinteger(L, 2, 1);
  const to = lauxlib.luaL_optinteger(L, 3, lua.lua_rawlen(L, 1));
  budget.charge(Math.max(0, to - from));
}

function chargeConcat(L: LuaState, budget: LuaBudget): void {
  const length = lua.lua_rawlen(L, 1);
  let bytes = lua.lua_type(L, 2) === lua.LUA_TSTRING ? lua.lua_rawlen(L, 2) * length : 0;
  for (let at = 1; at <= length; at++) {
    if (lua.lua_rawgeti(L, 1, at) === lua.LUA_TSTRING) bytes += lua.lua_rawlen(L, -1);
    lua.lua_pop(L, 1);
  }
  budget.chargeText(bytes);
}
