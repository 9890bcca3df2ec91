-- What retention would do where a day is a part: its identities row by row, and the part at once (emptied, as it is filled again).
delete from identities using part_1 as old where identities.source = old.source and identities.id = old.id;
truncate part_1
