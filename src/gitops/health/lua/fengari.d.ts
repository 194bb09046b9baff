/** What is used of fengari (Lua 5.3 in JavaScript), which has no types: the C API of Lua. */
declare module "fengari" {
  /** Lua's strings are bytes. */
  type LuaString = Uint8Array;
  interface LuaValue {
    ttisstring(): boolean;
    vslen(): number;
  }
  interface Instruction {
    readonly opcode: number;
    readonly B: number;
    readonly C: number;
  }
  interface LuaState {
    readonly stack: readonly LuaValue[];
    readonly ci: {
      readonly funcOff: number;
      readonly l_base: number;
      readonly l_code: readonly Instruction[] | null;
      readonly l_savedpc: number;
    };
  }
  type LuaFunction = (L: LuaState) => number;

  interface Lua {
    readonly LUA_OK: number;
    readonly LUA_MASKCOUNT: number;
    readonly LUA_TNIL: number;
    readonly LUA_TBOOLEAN: number;
    readonly LUA_TNUMBER: number;
    readonly LUA_TSTRING: number;
    readonly LUA_TTABLE: number;
    readonly LUA_TFUNCTION: number;
    lua_absindex(L: LuaState, index: number): number;
    lua_call(L: LuaState, args: number, results: number): void;
    lua_createtable(L: LuaState, items: number, fields: number): void;
    lua_getfield(L: LuaState, index: number, name: LuaString): number;
    lua_getglobal(L: LuaState, name: LuaString): number;
    lua_gettop(L: LuaState): number;
    lua_next(L: LuaState, index: number): number;
    lua_pcall(L: LuaState, args: number, results: number, handler: number): number;
    lua_pop(L: LuaState, count: number): void;
    lua_pushboolean(L: LuaState, value: boolean): void;
    lua_pushcfunction(L: LuaState, body: LuaFunction): void;
    lua_pushinteger(L: LuaState, value: number): void;
    lua_pushlstring(L: LuaState, text: LuaString, length: number): void;
    lua_pushnil(L: LuaState): void;
    lua_pushnumber(L: LuaState, value: number): void;
    lua_pushvalue(L: LuaState, index: number): void;
    lua_rawget(L: LuaState, index: number): number;
    lua_rawlen(L: LuaState, index: number): number;
    lua_rawset(L: LuaState, index: number): void;
    lua_rawseti(L: LuaState, index: number, at: number): void;
    lua_rawgeti(L: LuaState, index: number, at: number): number;
    lua_setfield(L: LuaState, index: number, name: LuaString): void;
    lua_setglobal(L: LuaState, name: LuaString): void;
    lua_sethook(L: LuaState, hook: (L: LuaState) => void, mask: number, count: number): void;
    lua_settop(L: LuaState, index: number): void;
    lua_toboolean(L: LuaState, index: number): boolean;
    lua_tocfunction(L: LuaState, index: number): LuaFunction | null;
    lua_tolstring(L: LuaState, index: number): LuaString | null;
    lua_type(L: LuaState, index: number): number;
    lua_typename(L: LuaState, type: number): LuaString;
  }
  interface Lauxlib {
    luaL_checkinteger(L: LuaState, argument: number): number;
    luaL_checklstring(L: LuaState, argument: number): LuaString;
    luaL_checkstack(L: LuaState, count: number, message: LuaString | null): void;
    luaL_error(L: LuaState, message: LuaString): never;
    luaL_loadbufferx(
      L: LuaState,
      code: LuaString,
      size: number,
      name: LuaString,
      mode: LuaString,
    ): number;
    luaL_newstate(): LuaState;
    luaL_optinteger(L: LuaState, argument: number, fallback: number): number;
    luaL_requiref(L: LuaState, name: LuaString, open: LuaFunction, isGlobal: number): void;
    luaL_tolstring(L: LuaState, index: number): LuaString;
  }
  interface Lualib {
    readonly luaopen_base: LuaFunction;
    readonly luaopen_math: LuaFunction;
    readonly luaopen_os: LuaFunction;
    readonly luaopen_string: LuaFunction;
    readonly luaopen_table: LuaFunction;
  }
  const fengari: {
    readonly lua: Lua;
    readonly lauxlib: Lauxlib;
    readonly lualib: Lualib;
    readonly to_luastring: (text: string) => LuaString;
    readonly to_jsstring: (
      text: LuaString,
      from?: number,
      to?: number,
      replacementCharacter?: boolean,
    ) => string;
  };
  export default fengari;
  export type { LuaFunction, LuaState, LuaString };
}
