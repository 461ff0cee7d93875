;; A module that accepts everything, and writes to standard output and standard error on each call.
(module
  (import "wapc" "__guest_response" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\08\00\00\00FORGED!\n")
  (data (i32.const 32) "{\"accepted\":true,\"valid\":true}")
  (func (export "__guest_call") (param i32 i32) (result i32)
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 24)))
    (call $respond (i32.const 32) (i32.const 30))
    (i32.const 1)))
