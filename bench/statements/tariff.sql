select tariff, time_zone from sites where slug = ?1
