select reason from slot_days where site = ?1 and date = ?2
