-- What a slot asks of those who book it, beside its places. Bookings that one person may have of the slot on one date, those that wait
-- among them.
alter table slot_templates add column bookings_per_person integer not null default 1 check (bookings_per_person between 1 and 1000);

-- Minutes after the slot begins (negative: before) in which its booking closes; null: when it ends.
alter table slot_templates add column closes_after_minutes integer check (closes_after_minutes between -10080 and 1440);

-- The same of a special day's slot.
alter table slot_day_slots add column bookings_per_person integer not null default 1 check (bookings_per_person between 1 and 1000);

alter table slot_day_slots add column closes_after_minutes integer check (closes_after_minutes between -10080 and 1440);

-- How many bookings a person has of a slot, which each new one asks.
create index bookings_by_person on bookings (user_id, site, date, slot);

-- The audit trail names the terms as it does the other fields.
drop trigger slot_templates_change_noted;

drop trigger slot_templates_removal_noted;

create trigger slot_templates_change_noted before update on slot_templates
begin
    insert into row_changes (entity, subject, was, becomes)
    values ('slot_templates', new.id,
        json_object(
            'weekday', old.weekday, 'slot', old.slot, 'capacity', old.capacity, 'bookings_per_person', old.bookings_per_person,
            'closes_after_minutes', old.closes_after_minutes
        ),
        json_object(
            'weekday', new.weekday, 'slot', new.slot, 'capacity', new.capacity, 'bookings_per_person', new.bookings_per_person,
            'closes_after_minutes', new.closes_after_minutes
        ));
end;

create trigger slot_templates_removal_noted after delete on slot_templates
begin
    insert into row_removals (entity, subject, was)
    values ('slot_templates', old.id,
        json_object(
            'weekday', old.weekday, 'slot', old.slot, 'capacity', old.capacity, 'bookings_per_person', old.bookings_per_person,
            'closes_after_minutes', old.closes_after_minutes
        ));
end;

-- Bookings whose holders are still expected, until the end of their slot, or who wait, until it begins: what bookings tell places, whose
-- clocks they were made by. Ask it with `+site`: few bookings are to come, and many are past.
create view upcoming_bookings (site, until) as
select site, ends_at from bookings where status = 'confirmed'
union all
select site, starts_at from bookings where status = 'waitlisted';
