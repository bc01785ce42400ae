// The networks: LiteRT in WebAssembly, one thread. Used in a worker.

import { Tensor, loadAndCompile, loadLiteRt } from "./vendor/litert.js";

let started = null;

export function startRuntime() {
  started ||= loadLiteRt("litert-wasm.js"); // the name is not used: see litert-loader.js
  return started;
}

// One network with a batch of one.
export class Network {
  static async load(bytes, name) {
    await startRuntime();
    try {
      return new Network(await loadAndCompile(bytes, { accelerator: "wasm" }));
    } catch (problem) {
      throw new Error(`the network ${name} cannot be read: ${problem.message || problem}`);
    }
  }

  constructor(compiled) {
    this.compiled = compiled;
    this.input = compiled.getInputDetails()[0];
    this.outputs = compiled.getOutputDetails();
  }

  close() { this.compiled.delete(); }

  // What it answers to grey levels 0 to 255: a Float32Array an output, with its shape.
  async run(pixels) {
    const given = new Tensor(this.input.dtype === "uint8" ? Uint8Array.from(pixels) : pixels, Array.from(this.input.shape));
    try {
      const answered = await this.compiled.run([given]);
      return answered.map((tensor, place) => {
        const data = tensor.toTypedArray();
        tensor.delete();
        return { data, shape: Array.from(this.outputs[place].shape) };
      });
    } finally {
      given.delete();
    }
  }
}
