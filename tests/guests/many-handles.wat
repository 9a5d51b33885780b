;; Takes handles of the host without end and gives none back.
(component $C
  (import "wasi:io/poll@0.2.6" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer $C $pollable (type $p))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "f"))
    (func $take
      (loop $again
        (drop (call $subscribe (i64.const 1000000000000)))
        (br $again)))
    (start $take))
  (core instance $i (instantiate $m (with "clock" (instance (export "subscribe" (func $subscribe))))))
  (func $f (canon lift (core func $i "f")))
  (instance $provider
    (export "describe" (func $f))
    (export "describe-resource" (func $f))
    (export "describe-function" (func $f))
    (export "configure" (func $f))
    (export "check" (func $f))
    (export "plan" (func $f))
    (export "create" (func $f))
    (export "update" (func $f))
    (export "delete" (func $f))
    (export "resume" (func $f))
    (export "read" (func $f))
    (export "list" (func $f))
    (export "migrate" (func $f))
    (export "invoke" (func $f)))
  (export "cofferdam:provider/provider@0.1.0" (instance $provider)))
