//! The Wasmtime engine.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

/// How often a computing instance yields to the scheduler.
const EPOCH: Duration = Duration::from_millis(10);

/// The memory limit of one instance, in bytes.
pub const MAX_INSTANCE_MEMORY: usize = 128 << 20;

/// The most instances alive at once, over all components.
const MAX_INSTANCES: u32 = 300;

/// Creates the engine and starts the thread that increments its epoch for as long as it lives.
pub fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES * 4)
        .total_memories(MAX_INSTANCES)
        .total_tables(MAX_INSTANCES * 4)
        .total_stacks(MAX_INSTANCES * 4)
        .max_memory_size(MAX_INSTANCE_MEMORY)
        .max_core_instances_per_component(16)
        .max_unused_warm_slots(16);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    })?;
    Ok(engine)
}

/// Converts Wasmtime's own error type, with all its causes.
pub fn to_anyhow(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
