use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;

const MIB: usize = 1 << 20;

async fn instance(memory: &Arc<Memory>, mib: usize) -> InstanceMemory {
    let mut instance = InstanceMemory::new(memory, Turn::Waits);
    assert!(instance.memory_growing(0, mib * MIB, None).await.unwrap());
    instance
}

async fn waits(work: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(20), work).await.is_err()
}

#[tokio::test]
async fn large_instances_leave_room_for_others() {
    let memory = Memory::new(40 * MIB);
    let large = instance(&memory, 30).await;
    let larger = instance(&memory, 20).await;
    assert!(larger.excess.is_some(), "it goes beyond what large ones have in all");
    assert!(waits(instance(&memory, 17)).await);
    drop(larger);
    memory.room().await;
    let (small, other) = (instance(&memory, 5).await, instance(&memory, 5).await);
    assert!(small.excess.is_none() && other.excess.is_none());
    drop(large);
}

#[tokio::test]
async fn what_exceeds_the_limit_waits_and_one_at_a_time_may_go_beyond_it() {
    let memory = Memory::new(20 * MIB);
    let (first, mut second) = (instance(&memory, 10).await, instance(&memory, 10).await);
    assert!(!memory.is_scarce());
    assert!(second.memory_growing(10 * MIB, 30 * MIB, None).await.unwrap(), "one goes beyond the limit, or all would wait");
    assert!(memory.is_scarce());
    assert!(second.memory_growing(30 * MIB, 40 * MIB, None).await.unwrap());
    assert!(waits(instance(&memory, 1)).await, "a second one does not");
    assert!(waits(memory.room()).await, "nor does a new instance");
    assert_eq!(memory.used.load(Ordering::Acquire), 50 * MIB, "who stopped waiting holds nothing");
    let growing = tokio::spawn({
        let memory = memory.clone();
        async move { instance(&memory, 8).await }
    });
    tokio::task::yield_now().await;
    drop(second);
    let third = growing.await.unwrap();
    assert_eq!(memory.used.load(Ordering::Acquire), 18 * MIB);
    drop((first, third));
    let (mut beyond, other) = (instance(&memory, 8).await, instance(&memory, 10).await);
    assert!(beyond.memory_growing(8 * MIB, 12 * MIB, None).await.unwrap());
    assert_eq!(memory.excess.available_permits(), 0);
    drop(other);
    assert!(beyond.memory_growing(12 * MIB, 12 * MIB, None).await.unwrap());
    assert_eq!(memory.excess.available_permits(), 1, "there is room again, and others may go beyond the limit");
    drop(beyond);
    assert_eq!((memory.used.load(Ordering::Acquire), memory.excess.available_permits()), (0, 1));
}

#[tokio::test]
async fn an_instance_has_its_own_limit_and_what_passes_never_waits() {
    let memory = Memory::new(28 * MIB);
    let mut one = instance(&memory, 20).await;
    assert!(!one.memory_growing(20 * MIB, MAX_INSTANCE_MEMORY + 1, None).await.unwrap());
    let mut scheduled = InstanceMemory::new(&memory, Turn::Passes);
    assert!(scheduled.memory_growing(0, 8 * MIB, None).await.unwrap());
    assert!(scheduled.memory_growing(8 * MIB, 16 * MIB, None).await.unwrap());
    assert_eq!((memory.used.load(Ordering::Acquire), memory.excess.available_permits()), (36 * MIB, 1));
    // What serves a stranger next waits as all others do.
    let _beyond = memory.excess.clone().acquire_owned().await.unwrap();
    scheduled.set_turn(Turn::Waits);
    assert!(waits(scheduled.memory_growing(16 * MIB, 17 * MIB, None)).await);
}

#[tokio::test]
async fn idle_instances_make_room() {
    struct Idle(Mutex<Vec<InstanceMemory>>, AtomicUsize);
    impl IdleInstances for Idle {
        fn drop_oldest(&self) -> bool {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.lock().pop().is_some()
        }
    }
    let memory = Memory::new(20 * MIB);
    let idle = Arc::new(Idle(Mutex::new(vec![instance(&memory, 5).await, instance(&memory, 5).await]), AtomicUsize::new(0)));
    let known: Arc<dyn IdleInstances> = idle.clone();
    memory.add_idle(Arc::downgrade(&known));
    let busy = instance(&memory, 10).await;
    assert_eq!((idle.1.load(Ordering::Relaxed), memory.is_scarce()), (0, false));
    memory.room().await;
    assert_eq!(idle.0.lock().len(), 1, "as many as are needed");
    drop(busy);
}

#[tokio::test]
async fn an_answer_that_nobody_takes_keeps_no_memory_from_others() {
    let memory = Memory::new(20 * MIB);
    let (unread, connection) = (instance(&memory, 14).await, tokio_util::sync::CancellationToken::new());
    let answer = memory.answers().room(MIB).await;
    answer.is_sent_over(connection.clone());
    let other = instance(&memory, 6).await;
    let sent = async {
        connection.cancelled().await;
        drop((unread, answer));
    };
    tokio::join!(memory.room(), sent);
    drop(other);
}
