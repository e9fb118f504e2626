-- A lot's first count is news as much as each that differs from the one before.
create trigger lot_opened after insert on lots
begin
    insert into events (channel, kind, data, public_data, at)
    select 'parking', 'lot', d, d, new.at
    from (select json_object('parking_lot', new.parking_lot, 'available_spots', new.available_spots) as d);
end;
