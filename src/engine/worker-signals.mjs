/** @file Two flags that the engine and its worker share, as positions in an Int32Array. */

/** 1 while the worker is inside ONNX Runtime, where it must not be ended. */
export const BUSY = 0;

/** 1 when the process is about to exit: the worker must not enter ONNX Runtime again. */
export const STOP = 1;
