select name, time_zone from sites where slug = ?1 and kind = 'temple'
