// Loads LiteRT's WebAssembly in a module worker; stands in for @litertjs/wasm-utils, which loads it by a <script>.

import ModuleFactory from "./litert-wasm.js";

export async function createWasmLib(Library, path) {
  const locateFile = () => new URL("litert.wasm", import.meta.url).href;
  return new Library(await ModuleFactory({ locateFile, print: () => {}, printErr: () => {} }));
}
