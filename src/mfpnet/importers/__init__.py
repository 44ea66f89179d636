"""Labels of other formats (COCO, YOLO, LabelMe, colours) as a folder of one's own."""
